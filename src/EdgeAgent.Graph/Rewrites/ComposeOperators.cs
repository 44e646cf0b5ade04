using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites;

/// <summary>Operators that a format does not have, as arithmetic that every format has: LayerNormalization, Softplus and Softsign.</summary>
public static class ComposeOperators
{
    public static GraphSpec Apply(GraphSpec graph)
    {
        var shapes = ShapeInference.Infer(graph, -1);
        var nodes = new List<Node>(graph.Nodes.Count);
        var constants = graph.Constants.ToDictionary();
        foreach (var node in graph.Nodes)
        {
            var parts = 0;
            var x = node.Op is LayerNormalization or Softplus or Softsign ? node.Inputs[0] : "";
            switch (node.Op)
            {
                case LayerNormalization normalization:
                    var rank = shapes[x].Shape.Length;
                    var axis = normalization.Axis < 0 ? normalization.Axis + rank : normalization.Axis;
                    int[] axes = [.. Enumerable.Range(axis, rank - axis)];
                    var centred = Part(new Sub(), x, Part(new ReduceMean(axes, true), x));
                    var variance = Part(new ReduceMean(axes, true), Part(new Mul(), centred, centred));
                    var normal = Part(new Div(), centred, Part(new Sqrt(), Part(new Add(), variance, Number(normalization.Epsilon))));
                    if (node.Inputs.Count > 2 && node.Inputs[2].Length > 0)
                        Last(new Add(), Part(new Mul(), normal, node.Inputs[1]), node.Inputs[2]);
                    else
                        Last(new Mul(), normal, node.Inputs[1]);
                    break;
                case Softplus:
                    // max(x, 0) + log(1 + exp(-|x|)), which does not overflow.
                    var exponential = Part(new Exp(), Part(new Neg(), Part(new Abs(), x)));
                    Last(new Add(), Part(new Relu(), x), Part(new Log(), Part(new Add(), exponential, Number(1))));
                    break;
                case Softsign:
                    Last(new Div(), x, Part(new Add(), Part(new Abs(), x), Number(1)));
                    break;
                default:
                    nodes.Add(node);
                    break;
            }

            string Part(Operator op, params string[] inputs)
            {
                var output = graph.FreshName($"{node.Output}_{op.Type.ToLowerInvariant()}_{parts++}");
                nodes.Add(new(output, op, inputs, [output]));
                return output;
            }

            void Last(Operator op, params string[] inputs) => nodes.Add(new(node.Name, op, inputs, node.Outputs));

            string Number(float value)
            {
                var name = graph.FreshName($"{node.Output}_number_{parts++}");
                constants[name] = Tensor.Of([value]);
                return name;
            }
        }
        return graph with { Nodes = nodes, Constants = constants };
    }
}
