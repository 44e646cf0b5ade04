using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites.Quantization;

/// <summary>
/// Gives a quantized graph the interface that the int8 engine has: inputs and outputs are float32, images have their
/// channels first. An integer input becomes the float32 value it stands for, quantized inside; an integer output is
/// dequantized. Where an output, integer or dequantized, only rounds what a Softmax computed in float32, it is that. A Transpose
/// or Reshape of an input becomes a matter of the caller, who hands in the elements in the order that the graph computes in.
/// </summary>
public static class FloatInterface
{
    /// <param name="graph">A QDQ graph; its values keep their names.</param>
    public static GraphSpec Apply(GraphSpec graph)
    {
        graph = OfNumbers(graph);
        foreach (var output in graph.Outputs)
            graph = WithExactSoftmax(graph, output.Name);
        foreach (var input in graph.Inputs)
            graph = PlanarInputs.Apply(WithoutMovedInput(graph, input.Name), input.Name);
        return FoldTransposes.Apply(graph.RemoveUnused()).Verify();
    }

    /// <summary>Inputs and outputs are float32, in the shapes that the graph has.</summary>
    public static GraphSpec OfNumbers(GraphSpec graph)
    {
        foreach (var input in graph.Inputs.Where(i => i.Type is ElementType.Int8 or ElementType.UInt8))
            graph = WithFloatInput(graph, input);
        foreach (var output in graph.Outputs.Where(o => o.Type is ElementType.Int8 or ElementType.UInt8))
            graph = WithFloatOutput(graph, output);
        return graph;
    }

    private static GraphSpec WithFloatInput(GraphSpec graph, ValueSpec input)
    {
        if (graph.Nodes.FirstOrDefault(n => n.Inputs.Contains(input.Name)) is not { Op: DequantizeLinear } dequantize)
            return graph;
        var quantized = graph.FreshName(input.Name + "_q");
        Node[] nodes =
        [
            new(input.Name + "_quantize", new QuantizeLinear(0), [input.Name, .. dequantize.Inputs.Skip(1)], [quantized]),
            .. graph.Nodes.Select(n => n with { Inputs = [.. n.Inputs.Select(i => i == input.Name ? quantized : i)] }),
        ];
        return graph with
        {
            Inputs = [.. graph.Inputs.Select(i => i == input ? i with { Type = ElementType.Float32 } : i)],
            Nodes = nodes,
        };
    }

    private static GraphSpec WithFloatOutput(GraphSpec graph, ValueSpec output)
    {
        var producers = graph.Producers();
        if (!producers.TryGetValue(output.Name, out var quantize) || quantize.Op is not QuantizeLinear)
            return graph;
        var floats = output with { Type = ElementType.Float32 };
        var outputs = graph.Outputs.Select(o => o == output ? floats : o).ToList();
        if (producers.TryGetValue(quantize.Inputs[0], out var softmax) && softmax.Op is Softmax
            && graph.Nodes.All(n => n == quantize || !n.Inputs.Contains(softmax.Output) && !n.Inputs.Contains(output.Name)))
            return graph with
            {
                Outputs = outputs,
                Nodes = [.. graph.Nodes.Where(n => n != quantize).Select(n => n == softmax ? n with { Outputs = [output.Name] } : n)],
            };
        var quantized = graph.FreshName(output.Name + "_q");
        return graph with
        {
            Outputs = outputs,
            Nodes =
            [
                .. graph.Nodes.Select(n => n with
                {
                    Inputs = [.. n.Inputs.Select(i => i == output.Name ? quantized : i)],
                    Outputs = n == quantize ? [quantized] : n.Outputs,
                }),
                new(output.Name + "_dequantize", new DequantizeLinear(0), [quantized, .. quantize.Inputs.Skip(1)], [output.Name]),
            ],
        };
    }

    /// <summary>A Softmax whose result nothing reads but a pair of QuantizeLinear and DequantizeLinear in front of the output, as ONNX Runtime's quantizer leaves it.</summary>
    private static GraphSpec WithExactSoftmax(GraphSpec graph, string output)
    {
        var (producers, readers) = (graph.Producers(), graph.ReaderCounts());
        if (OnlyRead(output) is not { Op: DequantizeLinear } dequantize || OnlyRead(dequantize.Inputs[0]) is not { Op: QuantizeLinear } quantize
            || OnlyRead(quantize.Inputs[0]) is not { Op: Softmax } softmax)
            return graph;
        return graph with
        {
            Nodes = [.. graph.Nodes.Where(n => n != dequantize && n != quantize).Select(n => n == softmax ? n with { Outputs = [output] } : n)],
        };

        Node? OnlyRead(string value) => readers[value] == 1 ? producers.GetValueOrDefault(value) : null;
    }

    /// <summary>If all that reads the input, behind its quantization, is one and the same move of elements: the input as it is after that.</summary>
    private static GraphSpec WithoutMovedInput(GraphSpec graph, string input)
    {
        var chain = new HashSet<string> { input };
        var value = input;
        while (graph.Nodes.Where(n => n.Inputs.Contains(value)).ToArray() is [{ Op: QuantizeLinear or DequantizeLinear } next])
            chain.Add(value = next.Output);
        var moves = graph.Nodes.Where(n => n.Inputs.Contains(value)).ToArray();
        if (moves.Length == 0 || graph.Outputs.Any(o => chain.Contains(o.Name)) || moves.Any(m => graph.Outputs.Any(o => o.Name == m.Output)))
            return graph;
        var shapes = ShapeInference.Infer(graph, -1);
        var shape = shapes[moves[0].Output].Shape;
        var same = moves.All(m => m.Op is Transpose or Reshape && m.Op.GetType() == moves[0].Op.GetType() && shapes[m.Output].Shape.AsSpan().SequenceEqual(shape)
            && (m.Op is not Transpose t || t.Permutation.AsSpan().SequenceEqual(((Transpose)moves[0].Op).Permutation)));
        if (!same || shape.Length < 2 || shape[0] != shapes[input].Shape[0])
            return graph;
        return (graph with
        {
            Inputs = [.. graph.Inputs.Select(i => i.Name == input ? i with { Shape = shape } : i)],
            Nodes = [.. graph.Nodes.Where(n => !moves.Contains(n))],
        }).Redirect(moves.ToDictionary(m => m.Output, _ => value));
    }
}
