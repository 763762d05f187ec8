"""A bot under steady work for a long time, watched for what grows."""
