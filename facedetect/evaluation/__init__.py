"""How well faces are found: labelled pictures, what a detector finds on them, the scores."""
