"""What goes out to people: the operators' feed, loudspeakers, notifications."""
