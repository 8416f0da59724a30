"""How a network on one device becomes one on several, from what its layers tell of themselves."""
