"""What a run wrote of its training."""

LOGS_FOLDER = "logs"
