"""Jobs that train anywhere: written for a scheduler, started there, and followed."""
