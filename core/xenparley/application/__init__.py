"""The application: the host object, put together from the ports of its channels."""
