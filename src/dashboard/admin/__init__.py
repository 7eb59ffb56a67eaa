"""The pages of administrators: how the service is, and what there is to look after."""
