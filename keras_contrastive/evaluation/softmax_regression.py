"""Multinomial logistic regression, solved to its optimum."""

import numpy as np

# Number of iterations whose steps and gradient changes L-BFGS keeps.
MEMORY = 10
# Number of rows per feature that the preconditioner is computed from. It need
# not be exact, since it only affects the steps.
PRECONDITIONER_ROWS = 16
# The solver stops if the loss is estimated to be this close to its minimum, in
# nats.
TOLERANCE = 2e-5
SUFFICIENT_DECREASE = 1e-4
SMALLEST_STEP = 1e-6
# Rounding error of a loss in float32.
ROUNDING = 1e-6


def solve_softmax_regression(
    loss_and_gradient, inputs, num_classes, penalty, max_passes, report
):
    """Minimizes `loss + penalty / 2 * sum(W**2)` over the weights, by L-BFGS.

    The Hessian of the cross-entropy is bounded by that of a quadratic whose
    matrix is half the second moment of the inputs (Böhning, 1992). Its inverse
    is the initial Hessian of L-BFGS, which makes the number of passes
    independent of how the features are scaled and correlated.

    Args:
        loss_and_gradient: function of the weights, `(dim, num_classes)`, that
            returns the mean cross-entropy and its gradient.
        inputs: Float32 array of shape `(num_rows, dim)`, whose last column
            holds ones. The weights of this column, the biases, are not
            penalized.
        num_classes: Number of classes.
        penalty: Positive float.
        max_passes: The maximum number of passes over `inputs`.
        report: function of the number of passes so far and of the loss.

    Returns:
        The weights, float32, shape `(dim, num_classes)`.

    Reference:
        - [Liu and Nocedal, 1989](https://doi.org/10.1007/BF01589116)
        - [Böhning, 1992](https://doi.org/10.1007/BF00048682)
    """
    penalties = np.full((inputs.shape[1], 1), penalty)
    penalties[-1] = 0.0

    def objective(weights):
        loss, gradient = loss_and_gradient(weights.astype("float32"))
        loss += 0.5 * float(np.sum(penalties * weights**2))
        return loss, gradient + penalties * weights

    precondition = _preconditioner(inputs, penalties)
    weights = np.zeros((inputs.shape[1], num_classes))
    loss, gradient = objective(weights)
    passes, history = 1, []
    report(passes, loss)
    while passes < max_passes:
        direction = -_inverse_hessian_product(gradient, history, precondition)
        slope = float(np.sum(gradient * direction))
        if -slope / 2 < TOLERANCE:
            break
        size = 1.0
        while passes < max_passes and size > SMALLEST_STEP:
            new_loss, new_gradient = objective(weights + size * direction)
            passes += 1
            bound = loss + SUFFICIENT_DECREASE * size * slope
            if new_loss <= bound + ROUNDING * abs(loss):
                break
            size /= 2
        else:
            break  # no more passes, or rounding hides further progress
        step, change = size * direction, new_gradient - gradient
        if np.sum(step * change) > 0:
            history = [*history[1 - MEMORY :], (step, change)]
        weights = weights + step
        loss, gradient = new_loss, new_gradient
        report(passes, loss)
    return weights.astype("float32")


def _preconditioner(inputs, penalties):
    """Returns a function: the product with the inverse of Böhning's bound."""
    every = max(1, len(inputs) // (PRECONDITIONER_ROWS * inputs.shape[1]))
    rows = inputs[::every]
    bound = 0.5 * (rows.T @ rows).astype("float64") / len(rows)
    bound[np.diag_indices_from(bound)] += penalties[:, 0]
    # Features may be linearly dependent, and the bias is not penalized, so the
    # matrix may be singular without this term.
    bound[np.diag_indices_from(bound)] += 1e-6 * np.mean(np.diag(bound))
    inverse = np.linalg.inv(bound)
    return lambda gradient: inverse @ gradient


def _inverse_hessian_product(gradient, history, precondition):
    """The two-loop recursion of L-BFGS."""
    product = gradient
    coefficients = []
    for step, change in reversed(history):
        rho = 1.0 / np.sum(step * change)
        alpha = rho * np.sum(step * product)
        product = product - alpha * change
        coefficients.append((rho, alpha))
    product = precondition(product)
    if history:
        step, change = history[-1]
        curvature = np.sum(change * precondition(change))
        product = product * (np.sum(step * change) / curvature)
    for (step, change), (rho, alpha) in zip(
        history, reversed(coefficients), strict=True
    ):
        beta = rho * np.sum(change * product)
        product = product + (alpha - beta) * step
    return product
