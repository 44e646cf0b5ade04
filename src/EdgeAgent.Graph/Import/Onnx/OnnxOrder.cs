namespace EdgeAgent.Graph.Import.Onnx;

/// <summary>Topological order of an ONNX graph's nodes, stable with respect to the file; a cycle is refused.</summary>
internal static class OnnxOrder
{
    public static IReadOnlyList<OnnxNode> Sort(GraphProto graph, IEnumerable<string> initializers, int opset)
    {
        var nodes = graph.Node.Select((proto, index) => new OnnxNode(proto, index, opset)).ToArray();
        var producers = new Dictionary<string, int>();
        for (var i = 0; i < nodes.Length; i++)
            foreach (var output in nodes[i].Proto.Output)
                if (output.Length > 0 && !producers.TryAdd(output, i))
                    throw nodes[i].Fault($"defines '{ModelImportException.OneLine(output)}', which another node defines too");
        var sources = new HashSet<string>(initializers);
        sources.UnionWith(graph.Input.Select(i => i.Name));

        var waiting = new int[nodes.Length];
        var readers = new List<int>[nodes.Length];
        for (var i = 0; i < nodes.Length; i++)
            // A body's outer values are needed before its node; names that nothing here makes are found missing when it is converted.
            foreach (var (input, isBodys) in nodes[i].Proto.Input.Select(name => (name, false)).Concat(OnnxBranches.OuterReads(nodes[i].Proto).Select(name => (name, true))))
            {
                if (producers.TryGetValue(input, out var producer))
                {
                    waiting[i]++;
                    (readers[producer] ??= []).Add(i);
                }
                else if (input.Length > 0 && !isBodys && !sources.Contains(input))
                    throw nodes[i].Fault($"reads '{ModelImportException.OneLine(input)}', which nothing defines");
            }

        // The smallest ready index first keeps the order of a file that is sorted already.
        var ready = new PriorityQueue<int, int>(Enumerable.Range(0, nodes.Length).Where(i => waiting[i] == 0).Select(i => (i, i)));
        var order = new List<OnnxNode>(nodes.Length);
        while (ready.TryDequeue(out var next, out _))
        {
            order.Add(nodes[next]);
            foreach (var reader in readers[next] ?? [])
                if (--waiting[reader] == 0)
                    ready.Enqueue(reader, reader);
        }
        if (order.Count < nodes.Length)
            throw nodes[Array.FindIndex(waiting, w => w > 0)].Fault("is part of a cycle or depends on one; a model must be acyclic");
        return order;
    }
}
