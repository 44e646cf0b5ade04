using EdgeAgent.Graph.Ir;

namespace EdgeAgent.Graph.Import.ChannelsLast;

/// <summary>Einstein's summation of two tensors, by which TensorFlow writes attention: one matrix product between Transposes and Reshapes.</summary>
internal static class Einsum
{
    /// <param name="equation">Such as "abc,cde->abde": axes in both operands are summed over unless they are in the result.</param>
    public static Laid Emit(string name, string equation, Laid a, Laid b, ChannelsLastGraph graph, Func<string, ImportFault> fault)
    {
        var text = equation.Replace(" ", "", StringComparison.Ordinal);
        if (text.Split("->") is not [var operands, var result] || operands.Split(',') is not [var first, var second] || text.Any(c => !char.IsAsciiLetter(c) && c is not (',' or '-' or '>')))
            throw fault($"the equation '{ModelImportException.OneLine(equation)}' is not supported; supported are two operands with a letter for each axis");
        var sizes = new Dictionary<char, int>();
        foreach (var (labels, operand) in new[] { (first, a), (second, b) })
        {
            var shape = graph.Shape(operand);
            if (labels.Length != shape.Length || labels.Distinct().Count() != labels.Length)
                throw fault($"the equation '{equation}' does not fit [{string.Join(',', shape)}], or names an axis twice");
            for (var i = 0; i < labels.Length; i++)
                if (!sizes.TryAdd(labels[i], shape[i]) && sizes[labels[i]] != shape[i])
                    throw fault($"the axes '{labels[i]}' of '{equation}' have the sizes {sizes[labels[i]]} and {shape[i]}");
        }
        string shared = Where(first, second.Contains), batch = Where(shared, result.Contains), summed = Where(shared, c => !result.Contains(c));
        string left = Where(first, c => !second.Contains(c)), right = Where(second, c => !first.Contains(c));
        if (result.Distinct().Count() != result.Length || result.Length != batch.Length + left.Length + right.Length || (left + right).Any(c => !result.Contains(c)))
            throw fault($"the equation '{equation}' sums over an axis of one operand, which is not supported");

        var product = graph.Assembly.Emit(name + "_product", new MatMul(),
            Operand(name + "_left", a, first, batch, left, summed), Operand(name + "_right", b, second, batch, summed, right));
        var laid = graph.Reshape(name + "_axes", new(product), [.. (batch + left + right).Select(c => sizes[c])], fault);
        return Ordered(name, laid.Name, batch + left + right, result);

        // The operand as matrices: its axes in this order, and those of rows and of columns made one.
        string Operand(string role, Laid x, string labels, string matrices, string rows, string columns)
        {
            var ordered = Ordered(role, graph.Plain(x), labels, matrices + rows + columns);
            return graph.Plain(graph.Reshape(role + "_matrix", ordered, [.. matrices.Select(c => sizes[c]), Size(rows), Size(columns)], fault));
        }

        Laid Ordered(string role, string value, string from, string to) =>
            new(from == to ? value : graph.Assembly.Emit(role, new Transpose([.. to.Select(c => from.IndexOf(c, StringComparison.Ordinal))]), value));

        int Size(string labels) => labels.Aggregate(1, (size, c) => checked(size * sizes[c]));
    }

    private static string Where(string labels, Func<char, bool> condition) => string.Concat(labels.Where(condition));
}
