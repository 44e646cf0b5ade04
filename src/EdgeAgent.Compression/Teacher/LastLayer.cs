using EdgeAgent.Graph.Ir;
using EdgeAgent.Graph.Rewrites;
using EdgeAgent.Inputs;

namespace EdgeAgent.Compression.Teacher;

/// <summary>The dense layer or convolution that makes a classifier's logits, and the same classifier with another number of them.</summary>
internal static class LastLayer
{
    /// <param name="graph">Ends at its logits, see <see cref="ClassifierHead"/>.</param>
    /// <param name="weights">The new weights from the old ones and their output axis; as many along it as <paramref name="outputs"/>.</param>
    /// <param name="bias">The new bias [outputs] from the old one.</param>
    /// <param name="passes">Operators that may stand behind the layer, beside those that only change the shape.</param>
    /// <param name="need">Ends the message where there is no such layer: who needs it.</param>
    /// <returns>The graph, and the constants of the new layer.</returns>
    /// <exception cref="InputException">The last layer is neither dense nor a convolution.</exception>
    public static (GraphSpec Graph, IReadOnlySet<string> Constants) Replace(
        GraphSpec graph, int outputs, Func<Tensor, int, Tensor> weights, Func<Tensor, Tensor> bias, Predicate<Operator> passes, string need)
    {
        var producers = graph.Nodes.ToDictionary(n => n.Output);
        var replaced = new Dictionary<string, Node>();
        var value = graph.Outputs[0].Name;
        Node? layer = null;
        string? addedBias = null;
        while (layer is null)
        {
            var node = producers.GetValueOrDefault(value);
            switch (node?.Op)
            {
                case Conv { Groups: 1 } or Gemm or MatMul when graph.Constants.ContainsKey(node.Inputs[1]):
                    layer = node;
                    break;
                // The bias of a dense layer that is written as two nodes.
                case Add when addedBias is null && node.Inputs.SingleOrDefault(graph.Constants.ContainsKey) is { } added && graph.Constants[added].Shape.Length == 1:
                    addedBias = added;
                    value = node.Inputs.Single(i => i != added);
                    break;
                case Reshape:
                    // It may name the number of classes.
                    replaced[node.Output] = node with { Op = new Flatten(1) };
                    value = node.Inputs[0];
                    break;
                case Flatten or Identity:
                case { } op when passes(op):
                    value = node.Inputs[0];
                    break;
                default:
                    throw new InputException($"model {graph.Name}: ends in {(node is null ? "no operator" : $"node '{node.Name}' ({node.Op.Type})")}; {need}");
            }
        }

        var constants = new Dictionary<string, Tensor>(graph.Constants);
        var old = graph.Constants[layer.Inputs[1]];
        var made = new HashSet<string>();
        var newWeights = Added("head_weight", weights(old, layer.Op is Conv or Gemm { TransposeB: true } ? 0 : old.Shape.Length - 1));
        string? NewBias(string? name) => name is null ? null : Added("head_bias", bias(graph.Constants[name]));
        replaced[layer.Output] = layer with { Inputs = NewBias(layer.Inputs.Skip(2).FirstOrDefault(i => i.Length > 0)) is { } own ? [layer.Inputs[0], newWeights, own] : [layer.Inputs[0], newWeights] };
        if (NewBias(addedBias) is { } newBias)
            foreach (var node in graph.Nodes.Where(n => n.Op is Add && n.Inputs.Contains(addedBias)))
                replaced[node.Output] = node with { Inputs = [.. node.Inputs.Select(i => i == addedBias ? newBias : i)] };

        var changed = graph with { Nodes = [.. graph.Nodes.Select(n => replaced.GetValueOrDefault(n.Output, n))], Constants = constants, Outputs = [graph.Outputs[0] with { Shape = [] }] };
        var output = ShapeInference.Infer(changed, -1)[graph.Outputs[0].Name];
        if (output.Shape is not [_, var inferred] || inferred != outputs)
            throw new InputException($"model {graph.Name}: with a new last layer for {outputs} classes its output has the shape [{string.Join(',', output.Shape)}]; it needs one number for each class");
        return ((changed with { Outputs = [output] }).RemoveUnused().Verify(), made);

        string Added(string wanted, Tensor tensor)
        {
            while (!constants.TryAdd(wanted, tensor))
                wanted += "_";
            made.Add(wanted);
            return wanted;
        }
    }
}
