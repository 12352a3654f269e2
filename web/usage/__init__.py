"""What the Usage page is made of."""
