"""What models there are: the list of all, the page of their equations, and the contract on a user's own cell."""
