"""Call and respond (叫应): who is called when, as a stage with a log of its own."""
