"""What passes run on: threads, BLAS and its threads, scratch memory."""
