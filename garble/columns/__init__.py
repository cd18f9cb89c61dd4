"""Many sentences as columns, and what measures them."""
