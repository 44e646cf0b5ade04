using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Rewrites;

/// <summary>Convolutions and pools over one axis as those of images of height 1, for formats that know only these.</summary>
public static class WidenToImages
{
    public static GraphSpec Apply(GraphSpec graph)
    {
        var shapes = ShapeInference.Infer(graph, -1);
        var nodes = new List<Node>(graph.Nodes.Count);
        var constants = graph.Constants.ToDictionary();
        foreach (var node in graph.Nodes)
        {
            if (Widened(node.Op) is not { } op || shapes[node.Inputs[0]].Shape is not [_, var channels, var size] || op is Conv or ConvTranspose && !graph.Constants.ContainsKey(node.Inputs[1]))
            {
                nodes.Add(node);
                continue;
            }
            var (image, wide) = (graph.FreshName(node.Output + "_image"), graph.FreshName(node.Output + "_wide"));
            string[] inputs = [image, .. node.Inputs.Skip(1)];
            if (op is Conv or ConvTranspose)
            {
                var weights = graph.Constants[node.Inputs[1]];
                inputs[1] = graph.FreshName(node.Inputs[1] + "_wide");
                constants[inputs[1]] = weights.Reshape([.. weights.Shape[..2], 1, .. weights.Shape[2..]]);
            }
            var result = shapes[node.Output].Shape;
            nodes.Add(new(node.Name + "_image", new Reshape([0, channels, 1, size]), [node.Inputs[0]], [image]));
            nodes.Add(new(node.Name, op, inputs, [wide]));
            nodes.Add(new(node.Name + "_narrow", new Reshape([0, result[1], result[2]]), [wide], node.Outputs));
        }
        return (graph with { Nodes = nodes, Constants = constants }).RemoveUnused();
    }

    private static Operator? Widened(Operator op) => op switch
    {
        Conv { Window.Kernel.Length: 1 } conv => conv with { Window = Wide(conv.Window) },
        ConvTranspose { Window.Kernel.Length: 1 } conv => conv with { Window = Wide(conv.Window), OutputPads = [0, .. conv.OutputPads] },
        MaxPool { Window.Kernel.Length: 1 } pool => pool with { Window = Wide(pool.Window) },
        AveragePool { Window.Kernel.Length: 1 } pool => pool with { Window = Wide(pool.Window) },
        GlobalAveragePool or GlobalMaxPool => op,
        _ => null,
    };

    private static Window Wide(Window window) => new([1, .. window.Kernel], [1, .. window.Strides], [0, window.Pads[0], 0, window.Pads[1]], [1, .. window.Dilations]);
}
