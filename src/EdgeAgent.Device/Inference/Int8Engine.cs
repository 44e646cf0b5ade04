using EdgeAgent.Contracts.Devices;
using EdgeAgent.Int8.Execution;
using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Device.Inference;

/// <summary>A model on the int8 engine: no native library, no allocation per run.</summary>
internal sealed class Int8Engine : IInferenceEngine
{
    private readonly PlanExecutor _executor;

    /// <exception cref="ModelUnusableException">The plan is not valid, or cannot be executed here.</exception>
    public Int8Engine(string path, int threads)
    {
        try
        {
            // The executor copies what it needs: the file need not stay mapped.
            using var model = PlanModel.Load(path);
            _executor = new PlanExecutor(model, threads);
        }
        catch (PlanFormatException e)
        {
            throw new ModelUnusableException($"the int8 plan is not valid: {e.Message}", e);
        }
        catch (Exception e) when (e is ArgumentException or OutOfMemoryException or ThreadStartException)
        {
            // A kernel set that is forced and not supported, or too little memory or too few threads.
            throw new ModelUnusableException($"the int8 engine cannot execute the plan: {e.Message.ReplaceLineEndings(" ")}", e);
        }
    }

    public EngineKind Kind => EngineKind.Int8;

    public string KernelSet => _executor.Kernels.Name;

    public int InputLength => _executor.InputShape.Count;

    public int OutputLength => _executor.OutputShape.Count;

    public void Run(ReadOnlySpan<float> input, Span<float> output) => _executor.Run(input, output);

    public void Dispose() => _executor.Dispose();
}
