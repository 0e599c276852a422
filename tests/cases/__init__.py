"""Cases that any validator must decide rightly, made with fresh keys at run time."""
