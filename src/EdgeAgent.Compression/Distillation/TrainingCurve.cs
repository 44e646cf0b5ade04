namespace EdgeAgent.Compression.Distillation;

/// <summary>A point of the training curve.</summary>
/// <param name="Step">Last of the steps that it stands for.</param>
/// <param name="Loss">Their mean.</param>
/// <param name="Rate">Learning rate after <paramref name="Step"/>.</param>
/// <param name="Seconds">On the run's clock.</param>
public readonly record struct CurvePoint(long Step, double Loss, double Rate, double Seconds);

/// <summary>Accuracies on held-out images after a step, in the order of <see cref="HeldOutProbe.Names"/>.</summary>
/// <param name="Seconds">On the run's clock.</param>
public sealed record HeldOutPoint(long Step, double Seconds, IReadOnlyList<double> Top1);

/// <summary>Everything of a <see cref="TrainingCurve"/>, as a checkpoint holds it.</summary>
/// <param name="Interval">Steps that a point stands for.</param>
/// <param name="Sum">Of the losses since the last point.</param>
/// <param name="Count">Of the steps since the last point.</param>
/// <param name="Seconds">Time used in the pass.</param>
public sealed record TrainingCurveState(long Interval, IReadOnlyList<CurvePoint> Points, double Sum, long Count, IReadOnlyList<HeldOutPoint> HeldOut, double Seconds)
{
    public static TrainingCurveState Empty { get; } = new(1, [], 0, 0, [], 0);
}

/// <summary>
/// Loss and held-out accuracy along a training of any length in bounded memory: when the points are full, neighbours are
/// merged, and from then on each stands for twice as many steps. It depends on the steps alone, not on how often the
/// run was interrupted.
/// </summary>
public sealed class TrainingCurve
{
    private const int MostPoints = 256;

    /// <summary>How many times held-out images are looked at in a pass, the end included.</summary>
    private const int HeldOutPoints = 24;

    private readonly List<CurvePoint> _points;
    private readonly List<HeldOutPoint> _heldOut;
    private long _interval, _count;
    private double _sum;

    public TrainingCurve()
        : this(TrainingCurveState.Empty)
    {
    }

    public TrainingCurve(TrainingCurveState state) =>
        (_interval, _points, _sum, _count, _heldOut, Seconds) = (state.Interval, [.. state.Points], state.Sum, state.Count, [.. state.HeldOut], state.Seconds);

    public TrainingCurveState State => new(_interval, [.. _points], _sum, _count, [.. _heldOut], Seconds);

    public IReadOnlyList<CurvePoint> Points => _points;

    public IReadOnlyList<HeldOutPoint> HeldOut => _heldOut;

    /// <summary>Time used in the pass, over interruptions.</summary>
    public double Seconds { get; set; }

    /// <summary>NaN before the first step.</summary>
    public double LastLoss => _count > 0 ? _sum / _count : _points.Count > 0 ? _points[^1].Loss : double.NaN;

    /// <summary>The step that held-out images were last looked at after.</summary>
    public long LastMeasured => _heldOut.Count > 0 ? _heldOut[^1].Step : 0;

    public void Add(long step, double loss, double rate, TimeSpan elapsed)
    {
        (_sum, _count) = (_sum + loss, _count + 1);
        if (_count < _interval)
            return;
        _points.Add(new CurvePoint(step, _sum / _count, rate, elapsed.TotalSeconds));
        (_sum, _count) = (0, 0);
        if (_points.Count < MostPoints)
            return;
        for (var i = 0; i < MostPoints / 2; i++)
            _points[i] = _points[2 * i + 1] with { Loss = (_points[2 * i].Loss + _points[2 * i + 1].Loss) / 2 };
        _points.RemoveRange(MostPoints / 2, MostPoints / 2);
        _interval *= 2;
    }

    /// <summary>Whether held-out images are to be looked at after <paramref name="step"/>.</summary>
    /// <param name="progress">Share of the pass that is done.</param>
    /// <param name="stepsBetween">Steps that one look may be paid with.</param>
    public bool IsDue(long step, double progress, long stepsBetween) =>
        _heldOut.Count < HeldOutPoints - 1 && step - LastMeasured >= stepsBetween && progress * HeldOutPoints >= _heldOut.Count + 1;

    public void Add(HeldOutProbe probe, long step, TimeSpan elapsed, CancellationToken cancellation) =>
        _heldOut.Add(new HeldOutPoint(step, elapsed.TotalSeconds, probe.Top1(cancellation)));
}

/// <summary>Accuracies on held-out images, measured while training goes on; nothing of the training depends on them.</summary>
/// <param name="Names">Of the models.</param>
/// <param name="Images">How many images are looked at.</param>
/// <param name="Top1">A fraction for each of <paramref name="Names"/>.</param>
public sealed record HeldOutProbe(IReadOnlyList<string> Names, int Images, Func<CancellationToken, IReadOnlyList<double>> Top1)
{
    /// <summary>At most this many images: enough for a curve, a few per cent of the training's time.</summary>
    public const int MostImages = 512;

    /// <summary>A forward pass costs a third of a step: with so many steps between two looks they take at most 3 % of the time.</summary>
    public long StepsBetween(int batchSize) => 11 * ((Images + batchSize - 1) / batchSize);
}
