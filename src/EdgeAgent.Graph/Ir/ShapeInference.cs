namespace EdgeAgent.Graph.Ir;

/// <summary>
/// Types and shapes of all values of a graph. A negative dimension -k stands for k times the dynamic batch, so that the
/// element count of a shape is the product of its dimensions in either case.
/// </summary>
public static class ShapeInference
{
    /// <summary>No value of a supported model is larger (at batch 1): a bound that keeps absurd shapes from being allocated.</summary>
    public const long MaxElements = 1L << 28;

    /// <summary>Types and shapes of inputs, constants and every node's outputs, by name.</summary>
    /// <param name="graph">A verified graph.</param>
    /// <param name="batch">Put in the place of the dynamic dimension; -1 keeps it symbolic.</param>
    /// <exception cref="InvalidGraphException">Operands do not fit; the message names the node.</exception>
    public static IReadOnlyDictionary<string, ValueSpec> Infer(GraphSpec graph, int batch)
    {
        if (batch is 0 or < -1)
            throw new ArgumentOutOfRangeException(nameof(batch), batch, "a positive batch, or -1 for a symbolic one");
        var values = new Dictionary<string, ValueSpec>(graph.Nodes.Count + graph.Constants.Count + graph.Inputs.Count);
        foreach (var (name, tensor) in graph.Constants)
            values[name] = new(name, tensor.Type, tensor.Shape);
        foreach (var input in graph.Inputs)
        {
            var shape = Array.ConvertAll(input.Shape, d => d == -1 ? batch : d);
            values[input.Name] = input with { Shape = Check(shape, $"input '{input.Name}'") };
        }
        foreach (var node in graph.Nodes)
            foreach (var value in Infer(node, name => values.GetValueOrDefault(name)))
                values[value.Name] = value;
        return values;
    }

    /// <summary>Types and shapes of one node's outputs.</summary>
    public static ValueSpec[] Infer(Node node, Func<string, ValueSpec?> valueOf)
    {
        var inputs = new ValueSpec?[node.Inputs.Count];
        for (var i = 0; i < inputs.Length; i++)
            inputs[i] = node.Inputs[i].Length == 0 ? null : valueOf(node.Inputs[i]);
        try
        {
            var results = OperatorShapes.Results(node.Op, inputs);
            if (node.Outputs.Count > results.Length)
                throw new ShapeFault($"has {node.Outputs.Count} outputs; at most {results.Length} are possible");
            return [.. node.Outputs.Zip(results, (name, result) => new ValueSpec(name, result.Type, Check(result.Shape, "the result")))];
        }
        catch (ShapeFault fault)
        {
            throw new InvalidGraphException($"node '{node.Name}' ({node.Op.Type}): {fault.Message}");
        }
    }

    /// <summary>Elements of a shape at batch 1.</summary>
    public static long ElementsPerSample(ReadOnlySpan<int> shape)
    {
        long count = 1;
        foreach (var dimension in shape)
            count = Math.Min(count * Math.Abs((long)dimension), MaxElements + 1);
        return count;
    }

    private static int[] Check(int[] shape, string what)
    {
        if (shape.Length > 8)
            throw new ShapeFault($"{what} has {shape.Length} dimensions; at most 8 are supported");
        if (ElementsPerSample(shape) > MaxElements)
            throw new ShapeFault($"{what} has the shape [{string.Join(',', shape)}]; at most {MaxElements} elements are supported");
        return shape;
    }

    internal sealed class ShapeFault(string message) : Exception(message);
}
