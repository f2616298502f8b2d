"""Areas: the second stage, which hears what the sites' alarms do and has a log of its own."""
