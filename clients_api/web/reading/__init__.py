"""From the bytes of a request to the values that its schemas take."""
