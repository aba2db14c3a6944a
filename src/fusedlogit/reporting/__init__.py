"""What a training run shows of itself: tables, pictures, pages."""
