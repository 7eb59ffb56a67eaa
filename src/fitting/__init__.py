"""The learner model, fitted and measured: outside of every request, and only here with libraries for numbers."""
