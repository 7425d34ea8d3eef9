"""What makes a photo of any size out of a network of one size."""
