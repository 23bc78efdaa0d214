"""Free speech synthesisers that say when each phone and word sounds."""
