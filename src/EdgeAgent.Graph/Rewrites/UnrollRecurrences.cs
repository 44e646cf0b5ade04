using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites;

/// <summary>
/// Recurrent layers as arithmetic, step by step, for formats and runtimes that have no such layers. The inputs' part of all gates is one
/// product for all steps; each step then multiplies the state. Sequences of different lengths keep their state behind their end.
/// </summary>
public static class UnrollRecurrences
{
    /// <summary>An LSTM makes some 17 nodes a step.</summary>
    public const int MaxSteps = 1 << 11;

    /// <param name="keepsLstm">
    /// Leave the LSTM that most formats have: forward, of one direction, sigmoid and tanh, from zero, read for its states only.
    /// Other directions of such a layer become one with slices around it.
    /// </param>
    /// <exception cref="InvalidGraphException">The number of steps is open or too large; the message names the node.</exception>
    public static GraphSpec Apply(GraphSpec graph, bool keepsLstm)
    {
        if (!graph.Nodes.Any(n => n.Op is RecurrentOperator))
            return graph;
        var shapes = ShapeInference.Infer(graph, -1);
        var readers = graph.ReaderCounts();
        var composer = new NodeComposer(graph);
        foreach (var node in graph.Nodes)
            if (node.Op is RecurrentOperator op)
                Unroll(node, op);
            else
                composer.Keep(node);
        return composer.Graph.RemoveUnused();

        void Unroll(Node node, RecurrentOperator op)
        {
            var steps = shapes[node.Inputs[0]].Shape[0];
            if (steps is < 1 or > MaxSteps)
                throw new InvalidGraphException($"node '{node.Name}' ({op.Type}): {(steps < 1 ? "its number of steps is open" : $"has {steps} steps")}; a known number of at most {MaxSteps} can be written out");
            if (new[] { 1, 2, 3, 7 }.Any(i => i < node.Inputs.Count && node.Inputs[i].Length > 0 && !graph.Constants.ContainsKey(node.Inputs[i])))
                throw new InvalidGraphException($"node '{node.Name}' ({op.Type}): its weights are computed, which cannot be written out");
            var readsCell = node.Outputs.Count > 2 && readers.ContainsKey(node.Outputs[2]);
            var directions = Enumerable.Range(0, op.Directions).Select(d =>
                new UnrolledDirection(node, op, d, composer, graph.Constants, shapes).Run(keepsLstm && !readsCell)).ToList();
            for (var i = 0; i < node.Outputs.Count; i++)
                if (node.Outputs[i].Length > 0 && (i < 2 || readsCell))
                {
                    var parts = directions.Select(d => i switch { 0 => d.States, 1 => d.Last, _ => d.Cell! }).ToArray();
                    composer.Last(node, i, parts.Length == 1 ? new Identity() : new Concat(i == 0 ? 1 : 0), parts);
                }
        }
    }
}
