namespace EdgeAgent.Graph.Ir;

/// <summary>
/// What the values between the nodes of a model need at once, at batch 1, in the order of its nodes: the least that an engine
/// gets by with which computes them one after the other and keeps a value from its node to its last reader.
/// </summary>
public static class ActivationMemory
{
    /// <exception cref="InvalidGraphException">The graph's shapes do not fit.</exception>
    public static long PeakBytes(GraphSpec graph)
    {
        var values = ShapeInference.Infer(graph, batch: 1);
        var places = Places(graph);
        string Place(string name) => PlaceOf(name, places);
        long Bytes(string place) => values[place].Shape.Aggregate(1L, (a, d) => a * d) * Size(values[place].Type);

        var lastReader = new Dictionary<string, int>();
        foreach (var (i, node) in graph.Nodes.Index())
            foreach (var name in node.Inputs.Concat(node.Outputs))
                lastReader[Place(name)] = i;
        foreach (var output in graph.Outputs)
            lastReader[Place(output.Name)] = int.MaxValue;

        var live = graph.Inputs.Select(i => Place(i.Name)).ToHashSet();
        var bytes = live.Sum(Bytes);
        var peak = bytes;
        foreach (var (i, node) in graph.Nodes.Index())
        {
            foreach (var output in node.Outputs.Select(Place))
                if (!graph.Constants.ContainsKey(output) && live.Add(output))
                    bytes += Bytes(output);
            peak = Math.Max(peak, bytes);
            foreach (var name in node.Inputs.Concat(node.Outputs).Select(Place).Distinct())
                if (lastReader[name] == i && live.Remove(name))
                    bytes -= Bytes(name);
        }
        return peak;
    }

    /// <summary>
    /// Values that share the place of another: a shape changes no element, and an engine with integer operators never makes the
    /// floats between a DequantizeLinear, an operator and the QuantizeLinear that alone reads it.
    /// </summary>
    private static Dictionary<string, string> Places(GraphSpec graph)
    {
        var readers = graph.Nodes.SelectMany(n => n.Inputs.Select(i => (Input: i, Node: n))).ToLookup(r => r.Input, r => r.Node);
        var kept = graph.Inputs.Concat(graph.Outputs).Select(v => v.Name).ToHashSet();
        var places = new Dictionary<string, string>();
        // A result is where its quantized form will be; backwards, because a clamp may stand between the two.
        foreach (var node in graph.Nodes.Reverse())
            if (node.Op is QuantizeLinear || node.Op is Relu or Clip && places.ContainsKey(node.Output))
                if (readers[node.Inputs[0]].Count() == 1 && !kept.Contains(node.Inputs[0]))
                    places[node.Inputs[0]] = node.Output;
        foreach (var node in graph.Nodes)
            if (node.Op is Reshape or Flatten or Identity || node.Op is DequantizeLinear && !kept.Contains(node.Output))
                if (PlaceOf(node.Output, places) is var place && PlaceOf(node.Inputs[0], places) is var source && place != source)
                    places[place] = source;
        return places;
    }

    private static string PlaceOf(string name, Dictionary<string, string> places)
    {
        while (places.TryGetValue(name, out var next))
            name = next;
        return name;
    }

    private static int Size(ElementType type) => type switch
    {
        ElementType.Float32 or ElementType.Int32 => 4,
        ElementType.Int64 => 8,
        _ => 1,
    };
}
