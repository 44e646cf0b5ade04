using EdgeAgent.Graph.Export.Onnx;
using EdgeAgent.Graph.Ir;
using Microsoft.ML.OnnxRuntime;
using Microsoft.ML.OnnxRuntime.Tensors;
using Tensor = EdgeAgent.Graph.Ir.Tensor;

namespace EdgeAgent.Tests.Graph.Onnx;

/// <summary>Runs models in ONNX Runtime, the independent reference.</summary>
internal static class OnnxRuntimeReference
{
    public static IReadOnlyDictionary<string, Tensor> Run(GraphSpec graph, IReadOnlyDictionary<string, Tensor> inputs) =>
        Run(OnnxExporter.ToBytes(graph), inputs);

    public static IReadOnlyDictionary<string, Tensor> Run(byte[] model, IReadOnlyDictionary<string, Tensor> inputs)
    {
        using var options = Options();
        using var session = new InferenceSession(model, options);
        return Run(session, inputs);
    }

    public static SessionOptions Options()
    {
        var options = new SessionOptions { IntraOpNumThreads = 1, InterOpNumThreads = 1, LogSeverityLevel = OrtLoggingLevel.ORT_LOGGING_LEVEL_ERROR };
        // Without it, x86 machines that lack VNNI saturate sums of two products of u8 and s8 to 16 bits.
        options.AddSessionConfigEntry("session.x64quantprecision", "1");
        return options;
    }

    public static IReadOnlyDictionary<string, Tensor> Run(InferenceSession session, IReadOnlyDictionary<string, Tensor> inputs)
    {
        var values = inputs.Select(i => NamedOnnxValue.CreateFromTensor(i.Key, new DenseTensor<float>(i.Value.Floats, i.Value.Shape))).ToList();
        using var results = session.Run(values);
        return results.ToDictionary(r => r.Name, r => r.Value switch
        {
            DenseTensor<float> t => Tensor.Of(t.ToArray(), t.Dimensions.ToArray()),
            DenseTensor<byte> t => Tensor.Of(t.ToArray(), t.Dimensions.ToArray()),
            DenseTensor<sbyte> t => Tensor.Of(t.ToArray(), t.Dimensions.ToArray()),
            _ => throw new NotSupportedException($"output '{r.Name}' is a {r.Value.GetType()}"),
        });
    }
}
