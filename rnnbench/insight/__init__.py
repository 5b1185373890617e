"""What a trained network does, as pictures."""
