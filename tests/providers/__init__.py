"""Servers on loopback that behave as the eight providers do, and the contract that the product keeps with each."""
