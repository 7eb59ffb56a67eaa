"""The HTTP interface: one router a resource, the access rule of each route in its signature."""
