using EdgeAgent.Graph.Ir;
using static EdgeAgent.Graph.Import.Onnx.AttributeProto.Types;

namespace EdgeAgent.Graph.Import.Onnx;

/// <summary>
/// Sequences of tensors, which PyTorch writes where a list is built or a tensor is split. Their lengths are known at import: a
/// sequence is the names of its tensors, and nothing of it is left in the graph.
/// </summary>
internal static class OnnxLists
{
    private const int MaxParts = 1 << 12;

    public static void Construct(OnnxNode node, OnnxGraphBuilder graph) => graph.DefineList(node, [.. node.Proto.Input]);

    public static void Empty(OnnxNode node, OnnxGraphBuilder graph) => graph.DefineList(node, []);

    /// <summary>Inputs: sequence, tensor, position; at the end where none is given.</summary>
    public static void Insert(OnnxNode node, OnnxGraphBuilder graph)
    {
        var list = graph.ListOf(node);
        var at = node.Input(2).Length == 0 ? list.Count : Place(node, graph, 2, list.Count, list.Count + 1);
        graph.DefineList(node, list.Insert(at, node.Input(1)));
    }

    /// <summary>Inputs: sequence, position; the last where none is given.</summary>
    public static void Erase(OnnxNode node, OnnxGraphBuilder graph)
    {
        var list = graph.ListOf(node);
        if (list.Count == 0)
            throw node.Fault("takes a tensor from an empty sequence");
        graph.DefineList(node, list.RemoveAt(node.Input(1).Length == 0 ? list.Count - 1 : Place(node, graph, 1, list.Count, list.Count)));
    }

    public static void At(OnnxNode node, OnnxGraphBuilder graph)
    {
        var list = graph.ListOf(node);
        graph.Bind(node, 0, list[Place(node, graph, 1, list.Count, list.Count)]);
    }

    public static void Length(OnnxNode node, OnnxGraphBuilder graph) => graph.Define(node.Output(0), Tensor.Of([(long)graph.ListOf(node).Count], []));

    /// <summary>The tensors one behind the other along an axis, or along a new one.</summary>
    public static void Concat(OnnxNode node, OnnxGraphBuilder graph)
    {
        var axis = node.Int("axis", 0);
        IEnumerable<string> tensors = graph.ListOf(node);
        if (!tensors.Any())
            throw node.Fault("joins the tensors of an empty sequence");
        if (node.Flag("new_axis"))
        {
            var own = new AttributeProto { Name = "axes", Type = AttributeType.Ints };
            own.Ints.Add(axis);
            tensors = tensors.Select(tensor => Derived(node, graph, "Unsqueeze", [tensor], own, graph.FreshName(node.Output(0) + "_unsqueezed"))).ToList();
        }
        Derived(node, graph, "Concat", tensors, new() { Name = "axis", Type = AttributeType.Int, I = axis }, node.Output(0));
    }

    /// <summary>Inputs: a tensor, and the size of all parts or the sizes of each; without, parts of one element, whose axis may go.</summary>
    public static void Split(OnnxNode node, OnnxGraphBuilder graph)
    {
        var shape = OnnxOperators.Shape(node, graph, 0);
        var axis = OnnxShapes.Axis(node, node.Int("axis", 0), shape.Length);
        var given = node.Input(1).Length == 0 ? null : graph.Folded(node.Input(1)) ?? throw node.Fault("the sizes of its parts are computed from data, which is not supported");
        var (size, each) = (shape[axis], given is null ? [1] : OnnxOperators.Longs(node, graph, 1));
        long[] sizes = given is { Shape.Length: 1 } ? each
            : each is [>= 1 and var part] && size >= 1 && (size + part - 1) / part <= MaxParts ? [.. Enumerable.Range(0, (int)((size + part - 1) / part)).Select(i => Math.Min(part, size - i * part))]
            : throw node.Fault($"splits {size} elements (the batch is negative) into parts of {string.Join(',', each)}; at most {MaxParts} are supported");
        if (sizes.Any(s => s < 1 || s > size) || sizes.Sum() != size)
            throw node.Fault($"parts of [{string.Join(',', sizes)}] do not make up {size}");
        var parts = new List<string>();
        var start = 0;
        foreach (var length in sizes)
        {
            var x = graph.EmitTemporary(node, new StridedSlice([start], [start + (int)length], [axis], [1]), node.Input(0));
            parts.Add(given is null && node.Int("keepdims", 1) == 0
                ? graph.EmitTemporary(node, TargetShapes.ReshapeTo(OnnxOperators.Shape(node, graph, x), [.. shape[..axis], .. shape[(axis + 1)..]], node.Fault), x)
                : x);
            start += (int)length;
        }
        graph.DefineList(node, [.. parts]);
    }

    /// <summary>Converts a node that this one stands for; returns the name of its output.</summary>
    private static string Derived(OnnxNode node, OnnxGraphBuilder graph, string op, IEnumerable<string> inputs, AttributeProto attribute, string output)
    {
        var proto = new NodeProto { OpType = op, Name = node.Name };
        proto.Input.AddRange(inputs);
        proto.Output.Add(output);
        proto.Attribute.Add(attribute);
        graph.Convert(new OnnxNode(proto, 0, node.Opset));
        return output;
    }

    /// <summary>A position in a sequence; below 0 it counts from the end.</summary>
    private static int Place(OnnxNode node, OnnxGraphBuilder graph, int input, int count, int bound)
    {
        if (graph.Folded(node.Input(input)) is not { IsConstant: true, Numbers: [var number] })
            throw node.Fault("its position in the sequence is computed from data, which is not supported");
        var at = number.Value < 0 ? number.Value + count : number.Value;
        return at >= 0 && at < bound ? (int)at : throw node.Fault($"position {number.Value} is outside a sequence of {count}");
    }
}
