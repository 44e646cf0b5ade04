namespace EdgeAgent.Device.Benchmark;

/// <summary>
/// Decides when a model runs steadily: once the means of successive batches have changed direction four times they no
/// longer fall, they fluctuate. Six to fifty batches.
/// </summary>
internal sealed class WarmUp
{
    private const int MinBatches = 6;
    private const int MaxBatches = 50;
    private const int TurnsWanted = 4;

    private int _batches;
    private int _turns;
    private double _lastMean;
    private int _lastDirection;

    public bool IsSteady => _batches >= MaxBatches || (_batches >= MinBatches && _turns >= TurnsWanted);

    public void Add(double batchMeanUs)
    {
        var direction = _batches == 0 ? 0 : Math.Sign(batchMeanUs - _lastMean);
        if (direction != 0 && _lastDirection != 0 && direction != _lastDirection)
            _turns++;
        if (direction != 0)
            _lastDirection = direction;
        _lastMean = batchMeanUs;
        _batches++;
    }
}
