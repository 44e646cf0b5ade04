using EdgeAgent.Contracts.Devices;
using EdgeAgent.Int8.Execution;
using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Device.Inference;

/// <summary>A model on the int8 engine: no native library, no allocation per run.</summary>
internal sealed class Int8Engine : IInferenceEngine
{
    private readonly PlanModel _model;
    private readonly PlanExecutor _executor;

    /// <exception cref="ModelUnusableException">The plan is not valid.</exception>
    public Int8Engine(string path, int threads)
    {
        try
        {
            _model = PlanModel.Load(path);
            _executor = new PlanExecutor(_model, threads);
        }
        catch (PlanFormatException e)
        {
            throw new ModelUnusableException($"the int8 plan is not valid: {e.Message}", e);
        }
    }

    public EngineKind Kind => EngineKind.Int8;

    public string KernelSet => _executor.Kernels.Name;

    public int InputLength => _executor.InputShape.Count;

    public int OutputLength => _executor.OutputShape.Count;

    public void Run(ReadOnlySpan<float> input, Span<float> output) => _executor.Run(input, output);

    public void Dispose()
    {
        _executor.Dispose();
        _model.Dispose();
    }
}
