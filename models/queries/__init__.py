"""How records are found and read, whichever they are, with SQL composed once."""
