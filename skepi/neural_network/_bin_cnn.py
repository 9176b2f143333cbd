"""BinCNN and BinCNNClassifier: convolutional networks along the bins, after DeepChrome."""

from skepi.neural_network._classifier import NetworkClassifier
from skepi.neural_network._convolves_bins import ConvolvesBins
from skepi.neural_network._regressor import NetworkRegressor


class BinCNN(ConvolvesBins, NetworkRegressor):
    r"""Convolutional network along the bins of one or several signals, after DeepChrome, for regression.

    A row is a grid of signals and bins. Filters that span all signals and a few neighbouring bins slide along the bins,
    so a shape of the signal is found wherever it lies:

    .. math:: h_{f,b} = \mathrm{activation}\Big(\beta_f + \sum_{s}\sum_{k} w_{f,s,k}\, x_{s,b+k}\Big)

    for filter f, place b, signal s and offset k. The largest of each ``pool`` neighbouring places is kept, then come
    dropout, dense layers, and a linear output. Training minimises the mean squared error and penalties, as in
    :class:`ExpressionMLP`, with early stopping on whole groups.

    Parameters
    ----------
    n_signals : int, optional
        Signals of a plain array, whose columns are all bins of the first signal, then all of the second, and so on; by
        default one. Binned rows say it themselves, and each feature of peaks counts as a signal of its own.
    filters : int, default=50
        Filters of the convolution.
    width : int, default=5
        Bins that a filter spans.
    pool : int, default=2
        Neighbouring places of a filter of which the largest value is kept; 1 keeps all.
    hidden : sequence of int, default=(64,)
        Units of each dense layer; ``()`` has none.
    dropout : float, default=0.5
        Fraction of the pooled values zeroed in training, in [0, 1).
    l1, l2 : float, default=0.0
        Penalties on the weights, in squared units of ``y``.
    activation : {"relu", "tanh", "identity"}, default="relu"
        Activation of the convolution and the dense layers.
    penalize_bias : bool, default=False
        Whether biases are penalised, too.
    l2_norm : {"squared", "unsquared"}, default="squared"
        As in :class:`ExpressionMLP`.
    optimizer : {"adam", "sgd"}, default="adam"
        Adam has betas 0.9 and 0.999.
    momentum : float, default=0.9
        Momentum of ``"sgd"``, in [0, 1); Adam does not use it.
    lr : float, default=1e-3
        Learning rate of the first epoch.
    lr_schedule : {"constant", "every_epoch", "on_rise"}, default="constant"
        When the learning rate is multiplied by ``lr_decay``: never, after every epoch, or after each epoch whose
        training loss is higher than that of the epoch before.
    lr_decay : float, default=0.9
        Factor in (0, 1].
    lr_min : float, default=1e-5
        The learning rate does not fall below it.
    max_gradient_norm : float, optional
        Length to which the gradient of a step, penalties included, is shortened where it is longer; by default it is
        never shortened.
    batch_size : int, default=100
        Rows.
    max_epochs : int, default=150
    tol : float, default=1e-5
        Fall of the monitored loss that counts as progress.
    patience : int, default=10
        Epochs without progress after which training stops.
    early_stopping : bool, default=True
        Whether to set rows aside, monitor their loss and restore the best epoch's weights. ``False`` trains on all
        rows, monitors the training loss and keeps the last epoch.
    validation : {"cell_type", "chromosome", "pairs"}, default="cell_type"
        What is kept whole when rows are set aside. On a plain array every row counts as a cell type of its own,
        unless ``fit`` gets ``groups``.
    validation_fraction : float, default=0.1
        Fraction of the groups set aside, at least one group.
    shuffle : bool, default=True
        Whether rows come in a new order in each epoch.
    device : str, default="auto"
        ``"auto"`` is CUDA where there is one, else the CPU; otherwise a name that torch knows.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Type of the products in training; ``"auto"`` is bfloat16 on CUDA devices that have it, and float32 elsewhere.
    checkpoint : path, optional
        File that the state is saved to after every epoch, as in :class:`ExpressionMLP`.
    progress : bool, default=False
        Whether to show a progress bar.
    random_state : int, RandomState or None, default=None
        Seeds weights, split, row order and dropout. Exact for one seed on one device.

    Attributes
    ----------
    weights_ : dict of str to ndarray of float32
        ``convolution.weight`` (filters, n_signals, width) and ``convolution.bias`` (filters,), then ``weight``
        (n_out, n_in) and ``bias`` of each dense layer, the output last.
    n_signals_, n_bins_ : int
        Shape of the grid.
    history_ : DataFrame
        One row per epoch: ``epoch, train_mse, dev_mse, seconds, lr``, as in :class:`ExpressionMLP`.
    best_epoch_ : int
        Epoch whose weights are kept, from 1.
    n_iter_ : int
        Epochs trained.
    columns_ : DataFrame
        Only where rows were binned: one row per column, ``signal, feature, start_bp, end_bp``.
    n_features_in_ : int
    output_shape_ : tuple of int
        ``()`` where ``y`` was of shape (n_rows,), else ``(n_targets,)``.

    Raises
    ------
    DivergenceError
        Where the loss becomes infinite or not a number.
    ValueError
        For bins that are no grid, filters wider than the bins, settings out of range, fewer than two groups to
        set aside from, or a checkpoint of another fit.

    See Also
    --------
    BinCNNClassifier : The same for classes.

    Notes
    -----
    Bins need not be equally wide: bands that grow with the distance to the TSS are convolved band by band. Features
    should be scaled, as :class:`skepi.preprocessing.LogZScaler` does. Each signal must have the same bins.

    Source: Singh et al. 2016, Bioinformatics 32, i639. :meth:`deepchrome` has their settings, made for thousands of
    genes; the defaults are a smaller network.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(200, 12))  # two signals in six bins
    >>> net = BinCNN(n_signals=2, filters=4, width=3, max_epochs=3, random_state=0).fit(X, X[:, 0] * X[:, 6])
    >>> net.weights_["convolution.weight"].shape
    (4, 2, 3)
    """


class BinCNNClassifier(ConvolvesBins, NetworkClassifier):
    """Convolutional network along the bins of one or several signals, after DeepChrome, for classes.

    The network is that of :class:`BinCNN`, with one output per class. Training minimises the mean log loss of the
    probabilities that the softmax of the outputs gives.

    Parameters
    ----------
    n_signals : int, optional
        Signals of a plain array, whose columns are all bins of the first signal, then all of the second, and so on; by
        default one. Binned rows say it themselves, and each feature of peaks counts as a signal of its own.
    filters : int, default=50
        Filters of the convolution.
    width : int, default=5
        Bins that a filter spans.
    pool : int, default=2
        Neighbouring places of a filter of which the largest value is kept; 1 keeps all.
    hidden : sequence of int, default=(64,)
        Units of each dense layer; ``()`` has none.
    dropout : float, default=0.5
        Fraction of the pooled values zeroed in training, in [0, 1).
    l1, l2 : float, default=0.0
        Penalties on the weights, in nats.
    activation : {"relu", "tanh", "identity"}, default="relu"
        Activation of the convolution and the dense layers.
    penalize_bias : bool, default=False
        Whether biases are penalised, too.
    l2_norm : {"squared", "unsquared"}, default="squared"
        As in :class:`ExpressionMLP`.
    optimizer : {"adam", "sgd"}, default="adam"
        Adam has betas 0.9 and 0.999.
    momentum : float, default=0.9
        Momentum of ``"sgd"``, in [0, 1); Adam does not use it.
    lr : float, default=1e-3
        Learning rate of the first epoch.
    lr_schedule : {"constant", "every_epoch", "on_rise"}, default="constant"
        When the learning rate is multiplied by ``lr_decay``: never, after every epoch, or after each epoch whose
        training loss is higher than that of the epoch before.
    lr_decay : float, default=0.9
        Factor in (0, 1].
    lr_min : float, default=1e-5
        The learning rate does not fall below it.
    max_gradient_norm : float, optional
        Length to which the gradient of a step, penalties included, is shortened where it is longer; by default it is
        never shortened.
    batch_size : int, default=100
        Rows.
    max_epochs : int, default=150
    tol : float, default=1e-5
        Fall of the monitored loss that counts as progress.
    patience : int, default=10
        Epochs without progress after which training stops.
    early_stopping : bool, default=True
        Whether to set rows aside, monitor their loss and restore the best epoch's weights. ``False`` trains on all
        rows, monitors the training loss and keeps the last epoch.
    validation : {"cell_type", "chromosome", "pairs"}, default="cell_type"
        What is kept whole when rows are set aside. On a plain array every row counts as a cell type of its own,
        unless ``fit`` gets ``groups``.
    validation_fraction : float, default=0.1
        Fraction of the groups set aside, at least one group.
    shuffle : bool, default=True
        Whether rows come in a new order in each epoch.
    device : str, default="auto"
        ``"auto"`` is CUDA where there is one, else the CPU; otherwise a name that torch knows.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Type of the products in training; ``"auto"`` is bfloat16 on CUDA devices that have it, and float32 elsewhere.
    checkpoint : path, optional
        File that the state is saved to after every epoch, as in :class:`ExpressionMLP`.
    progress : bool, default=False
        Whether to show a progress bar.
    random_state : int, RandomState or None, default=None
        Seeds weights, split, row order and dropout. Exact for one seed on one device.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        In sorted order.
    weights_ : dict of str to ndarray of float32
        ``convolution.weight`` (filters, n_signals, width) and ``convolution.bias`` (filters,), then ``weight``
        (n_out, n_in) and ``bias`` of each dense layer, the output last.
    n_signals_, n_bins_ : int
        Shape of the grid.
    history_ : DataFrame
        One row per epoch: ``epoch, train_log_loss, dev_log_loss, seconds, lr``, as in :class:`ExpressionMLP`.
    best_epoch_ : int
        Epoch whose weights are kept, from 1.
    n_iter_ : int
        Epochs trained.
    columns_ : DataFrame
        Only where rows were binned: one row per column, ``signal, feature, start_bp, end_bp``.
    n_features_in_ : int
    output_shape_ : tuple of int
        ``(n_classes,)``.

    Raises
    ------
    DivergenceError
        Where the loss becomes infinite or not a number.
    ValueError
        For bins that are no grid, filters wider than the bins, one class only in training, settings out of range, fewer
        than two groups to set aside from, or a checkpoint of another fit.

    See Also
    --------
    BinCNN : The same for numbers.

    Notes
    -----
    Source: Singh et al. 2016, Bioinformatics 32, i639. :meth:`deepchrome` has their settings, made for thousands of
    genes; the defaults are a smaller network.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(200, 12))  # two signals in six bins
    >>> high = np.where(X[:, 2] > 0, "high", "low")
    >>> net = BinCNNClassifier(n_signals=2, filters=4, width=3, max_epochs=20, random_state=0).fit(X, high)
    >>> net.classes_.tolist(), net.predict_proba(X).shape
    (['high', 'low'], (200, 2))
    """
