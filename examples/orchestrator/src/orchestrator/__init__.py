"""Has Xen hosts run the guests that a plan says."""
