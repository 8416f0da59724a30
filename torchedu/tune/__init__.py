"""Search for a recipe's best options, by accuracy, fairness and cost, in one process or many."""
