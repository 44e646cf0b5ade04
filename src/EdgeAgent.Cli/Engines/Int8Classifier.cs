using EdgeAgent.Int8.Execution;
using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Cli.Engines;

/// <summary>The int8 engine on a student's plan.</summary>
internal sealed class Int8Classifier : IClassifier
{
    private readonly PlanModel _model;
    private readonly PlanExecutor _executor;

    public Int8Classifier(string path, int threads)
    {
        _model = PlanModel.Load(path);
        try
        {
            _executor = new PlanExecutor(_model, threads);
        }
        catch
        {
            _model.Dispose();
            throw;
        }
        InputShape = [-1, _model.InputShape.Channels, _model.InputShape.Height, _model.InputShape.Width];
    }

    public string Engine => Classifiers.Int8;

    public string? KernelSet => _executor.Kernels.Name;

    public IReadOnlyList<int> InputShape { get; }

    /// <summary>A plan has none; its package's manifest has.</summary>
    public IReadOnlyDictionary<string, string> Metadata { get; } = new Dictionary<string, string>();

    public int Classes => _model.OutputShape.Count;

    public int MaxBatch => 1;

    public void Run(float[] inputs, int count, Span<float> logits) =>
        _executor.Run(inputs.AsSpan(0, _model.InputShape.Count), logits[.._model.OutputShape.Count]);

    public void Dispose()
    {
        _executor.Dispose();
        _model.Dispose();
    }
}
