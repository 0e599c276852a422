"""How a clone is made ready; standard library only, because nothing is installed yet."""
