"""The pieces of the Playground, a room each: columns, cards, turns, numbers, what is sent and what is kept."""
