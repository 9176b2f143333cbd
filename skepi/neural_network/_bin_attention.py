"""BinAttention and BinAttentionClassifier: recurrent networks with attention, after AttentiveChrome."""

from skepi.neural_network._attends_bins import AttendsBins
from skepi.neural_network._classifier import NetworkClassifier
from skepi.neural_network._regressor import NetworkRegressor


class BinAttention(AttendsBins, NetworkRegressor):
    r"""Recurrent network with attention to bins and signals, after AttentiveChrome, for regression.

    A row is a grid of signals and bins. Each signal is read along its bins by an LSTM in both directions, which gives a
    state :math:`h_{s,b}` for each bin. Attention says how much each bin counts for its signal:

    .. math:: v_s = \sum_b a_{s,b} h_{s,b}, \quad a_{s,b} = \mathrm{softmax}_b(h_{s,b} \cdot q_s + c_{s,b})

    for signal s, bin b, a learned query q and a learned score c of the bin. A second LSTM reads the vectors of the
    signals in the same way, with attention to signals, and a linear output follows. Training minimises the mean squared
    error and penalties, as in :class:`ExpressionMLP`, with early stopping on whole groups.

    Parameters
    ----------
    n_signals : int, optional
        Signals of a plain array, whose columns are all bins of the first signal, then all of the second, and so on; by
        default one. Binned rows say it themselves, and each feature of peaks counts as a signal of its own.
    bin_units : int, default=16
        Units of each direction of the LSTMs along the bins.
    signal_units : int, default=16
        Units of each direction of the LSTM over the signals.
    dropout : float, default=0.0
        Fraction of the values of each signal's vector and of the row's vector zeroed in training, in [0, 1).
    l1, l2 : float, default=0.0
        Penalties on the weights, in squared units of ``y``.
    place_scores : bool, default=True
        Whether each bin and each signal has a learned score of its own beside that of its state. ``False`` is the
        published way, where a network knows a place only by counting.
    penalize_bias : bool, default=False
        Whether biases are penalised, too.
    l2_norm : {"squared", "unsquared"}, default="squared"
        As in :class:`ExpressionMLP`.
    optimizer : {"adam", "sgd"}, default="adam"
        Adam has betas 0.9 and 0.999.
    momentum : float, default=0.9
        Momentum of ``"sgd"``, in [0, 1); Adam does not use it.
    lr : float, default=1e-2
        Learning rate of the first epoch.
    lr_schedule : {"constant", "every_epoch", "on_rise"}, default="constant"
        When the learning rate is multiplied by ``lr_decay``: never, after every epoch, or after each epoch whose
        training loss is higher than that of the epoch before.
    lr_decay : float, default=0.9
        Factor in (0, 1].
    lr_min : float, default=1e-5
        The learning rate does not fall below it.
    max_gradient_norm : float or None, default=1.0
        Length to which the gradient of a step, penalties included, is shortened where it is longer; ``None`` never
        shortens it.
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
        By the names of the torch module: ``along_bins.0`` and so on, one reader per signal, and ``over_signals``, each
        with the weights and biases of its ``lstm``, and the query and the places of its ``attention``; then those of
        the ``output``.
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
        For bins that are no grid, settings out of range, fewer than two groups to set aside from, or a checkpoint of
        another fit.

    See Also
    --------
    BinAttentionClassifier : The same for classes.
    BinCNN : A convolution along the bins, which reads all signals at once.
    skepi.plotting.AttentionDisplay : Draws the attention.

    Notes
    -----
    Attention says where the network looks, not what it makes of it: a bin may be looked at and change nothing. What a
    bin changes is what :meth:`input_gradients` and :func:`skepi.inspection.bin_importance` say. A state knows its
    neighbours, so attention may lie beside the bin that counts.

    Source: Singh et al. 2017, Advances in Neural Information Processing Systems 30, 6785. :meth:`attentivechrome` has
    their settings, made for thousands of genes.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(200, 12))  # two signals in six bins
    >>> net = BinAttention(n_signals=2, bin_units=4, max_epochs=3, random_state=0).fit(X, X[:, 0] * X[:, 6])
    >>> net.bin_attention(X).shape, net.signal_attention(X)["signal"].tolist()
    ((12, 3), [0, 1])
    """


class BinAttentionClassifier(AttendsBins, NetworkClassifier):
    """Recurrent network with attention to bins and signals, after AttentiveChrome, for classes.

    The network is that of :class:`BinAttention`, with one output per class. Training minimises the mean log loss of the
    probabilities that the softmax of the outputs gives.

    Parameters
    ----------
    n_signals : int, optional
        Signals of a plain array, whose columns are all bins of the first signal, then all of the second, and so on; by
        default one. Binned rows say it themselves, and each feature of peaks counts as a signal of its own.
    bin_units : int, default=16
        Units of each direction of the LSTMs along the bins.
    signal_units : int, default=16
        Units of each direction of the LSTM over the signals.
    dropout : float, default=0.0
        Fraction of the values of each signal's vector and of the row's vector zeroed in training, in [0, 1).
    l1, l2 : float, default=0.0
        Penalties on the weights, in nats.
    place_scores : bool, default=True
        Whether each bin and each signal has a learned score of its own beside that of its state. ``False`` is the
        published way, where a network knows a place only by counting.
    penalize_bias : bool, default=False
        Whether biases are penalised, too.
    l2_norm : {"squared", "unsquared"}, default="squared"
        As in :class:`ExpressionMLP`.
    optimizer : {"adam", "sgd"}, default="adam"
        Adam has betas 0.9 and 0.999.
    momentum : float, default=0.9
        Momentum of ``"sgd"``, in [0, 1); Adam does not use it.
    lr : float, default=1e-2
        Learning rate of the first epoch.
    lr_schedule : {"constant", "every_epoch", "on_rise"}, default="constant"
        When the learning rate is multiplied by ``lr_decay``: never, after every epoch, or after each epoch whose
        training loss is higher than that of the epoch before.
    lr_decay : float, default=0.9
        Factor in (0, 1].
    lr_min : float, default=1e-5
        The learning rate does not fall below it.
    max_gradient_norm : float or None, default=1.0
        Length to which the gradient of a step, penalties included, is shortened where it is longer; ``None`` never
        shortens it.
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
        By the names of the torch module: ``along_bins.0`` and so on, one reader per signal, and ``over_signals``, each
        with the weights and biases of its ``lstm``, and the query and the places of its ``attention``; then those of
        the ``output``.
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
        For bins that are no grid, one class only in training, settings out of range, fewer than two groups to set aside
        from, or a checkpoint of another fit.

    See Also
    --------
    BinAttention : The same for numbers.

    Notes
    -----
    Source: Singh et al. 2017, Advances in Neural Information Processing Systems 30, 6785. :meth:`attentivechrome` has
    their settings, made for thousands of genes.

    Examples
    --------
    >>> import numpy as np
    >>> X = np.random.default_rng(0).normal(size=(200, 12))  # two signals in six bins
    >>> high = np.where(X[:, 2] > 0, "high", "low")
    >>> net = BinAttentionClassifier(n_signals=2, bin_units=4, max_epochs=20, random_state=0).fit(X, high)
    >>> net.classes_.tolist(), net.predict_proba(X).shape
    (['high', 'low'], (200, 2))
    """
