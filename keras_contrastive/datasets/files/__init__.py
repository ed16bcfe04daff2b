"""Image files and folders, and the captions beside them."""
