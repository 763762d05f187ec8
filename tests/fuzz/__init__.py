"""Coverage-guided fuzzing of what reads text from outside."""
