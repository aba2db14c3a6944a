"""From embeddings and labels on disk to a linear probe."""
