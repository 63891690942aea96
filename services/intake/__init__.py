"""The door: posted events are judged, made durable and put on the topics."""
