"""What runs in the clouds: the shared verification module and one adapter a runtime."""
