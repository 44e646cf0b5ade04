using EdgeAgent.Graph.Evaluation;
using EdgeAgent.Graph.Export;
using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites.Quantization;
using EdgeAgent.Int8.Execution;
using EdgeAgent.Int8.Plan;

namespace EdgeAgent.Tests.Graph.TfLite;

/// <summary>Runs an imported int8 model through its plan, integers in and out as in the file.</summary>
internal static class Int8Plan
{
    public static sbyte[] Run(GraphSpec graph, Tensor input)
    {
        using var model = PlanModel.Load(PlanLowering.Lower(graph));
        using var executor = new PlanExecutor(model, threads: 1);
        var last = graph.Nodes.Single(n => n.Output == graph.Outputs[0].Name);
        var (batch, outputs) = (input.Shape[0], model.OutputShape.Count);
        var result = new float[batch * outputs];
        for (var i = 0; i < batch; i++)
            executor.Run(Floats(graph, input, i), result.AsSpan(i * outputs, outputs));
        var quantized = Quantizing.Quantize((QuantizeLinear)last.Op, Tensor.Of(result, batch, outputs), graph.Constants[last.Inputs[1]], graph.Constants[last.Inputs[2]]);
        return (sbyte[])quantized.Data;
    }

    /// <summary>Sample <paramref name="index"/> as the plan takes it: real numbers, channels first.</summary>
    public static float[] Floats(GraphSpec graph, Tensor input, int index)
    {
        var first = graph.Nodes.First(n => n.Op is DequantizeLinear && n.Inputs[0] == graph.Inputs[0].Name);
        int[] shape = [1, .. input.Shape[1..]];
        var size = input.Count / input.Shape[0];
        var (floats, moved) = (new float[size], new float[size]);
        var sample = Tensor.Of(((sbyte[])input.Data).AsSpan(index * size, size).ToArray(), shape);
        Quantizing.Dequantize(0, sample, graph.Constants[first.Inputs[1]], graph.Constants[first.Inputs[2]], floats);
        Layout.Transpose<float>([0, 3, 1, 2], floats, shape, moved);
        return moved;
    }
}
