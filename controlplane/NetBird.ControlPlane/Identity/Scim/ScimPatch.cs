using System.Text.Json;
using System.Text.Json.Nodes;

namespace NetBird.ControlPlane.Identity.Scim;

/// <summary>PATCH of RFC 7644 section 3.5.2 on a resource's JSON: all operations or none.</summary>
internal static class ScimPatch
{
    private const int MostOperations = 1000;

    /// <exception cref="ScimException">An operation cannot be done; the resource is then to be thrown away.</exception>
    public static void Apply(ScimSchema schema, JsonObject resource, JsonObject request)
    {
        if (Field(request, "schemas") is not JsonArray schemas
            || !schemas.Any(item => item is JsonValue value && value.GetValueKind() == JsonValueKind.String && value.GetValue<string>() == ScimSchema.PatchId))
        {
            throw ScimException.InvalidSyntax($"schemas has to hold {ScimSchema.PatchId}.");
        }

        if (Field(request, "Operations") is not JsonArray { Count: > 0 and <= MostOperations } operations)
        {
            throw ScimException.InvalidSyntax($"Operations is a list of 1 to {MostOperations}.");
        }

        foreach (var operation in operations)
        {
            if (operation is not JsonObject fields)
            {
                throw ScimException.InvalidSyntax("An operation is an object.");
            }

            One(schema, resource, fields);
        }
    }

    private static void One(ScimSchema schema, JsonObject resource, JsonObject operation)
    {
        var name = Text(operation, "op")?.ToLowerInvariant();
        if (name is not ("add" or "replace" or "remove"))
        {
            throw ScimException.InvalidSyntax("op is add, replace or remove.");
        }

        var value = Field(operation, "value");
        if (Text(operation, "path") is { Length: > 0 } text)
        {
            Write(schema, resource, ScimPath.Parse(schema, text), name, value);
        }
        else if (name == "remove")
        {
            throw ScimException.NoTarget("remove needs a path.");
        }
        else if (value is JsonObject fields)
        {
            foreach (var (field, inner) in fields)
            {
                WriteField(schema, resource, name, field, inner);
            }
        }
        else
        {
            throw ScimException.InvalidValue("Without a path the value is an object of attributes.");
        }
    }

    private static void WriteField(ScimSchema schema, JsonObject resource, string name, string field, JsonNode? value)
    {
        if (schema.Extension is { } extension && string.Equals(field, extension.Id, StringComparison.OrdinalIgnoreCase))
        {
            foreach (var (inner, innerValue) in value as JsonObject ?? throw ScimException.InvalidValue("The extension is an object."))
            {
                if (extension.Find(inner) is { } known)
                {
                    Write(schema, resource, new(extension, known, null, null), name, innerValue);
                }
            }

            return;
        }

        // What is not ours to keep, or not the client's to write, is left out as in a whole resource; a path would be refused.
        ScimPath path;
        try
        {
            path = ScimPath.Parse(schema, field);
        }
        catch (ScimException)
        {
            return;
        }

        if (!path.IsReadOnly)
        {
            Write(schema, resource, path, name, value);
        }
    }

    private static void Write(ScimSchema schema, JsonObject resource, ScimPath path, string name, JsonNode? value)
    {
        if (path.IsReadOnly)
        {
            throw ScimException.Mutability($"{path.Attribute?.Name} is read only.");
        }

        if (path.Attribute is not { } attribute)
        {
            WriteExtension(schema, resource, path.Extension!, name, value); // without an attribute it is an extension
            return;
        }

        var holder = resource;
        if (path.Extension is { } extension)
        {
            holder = resource[extension.Id] as JsonObject;
            if (holder is null)
            {
                resource[extension.Id] = holder = [];
            }
        }

        if (path.Filter is { } filter)
        {
            WriteAmong(holder, path, attribute, filter, name, value);
        }
        else if (path.Part is { } part)
        {
            WritePart(holder, attribute, part, name, value);
        }
        else
        {
            WriteAttribute(holder, attribute, name, value);
        }

        if (path.Extension is { } touched && holder.Count == 0)
        {
            resource.Remove(touched.Id);
        }
    }

    private static void WriteExtension(ScimSchema schema, JsonObject resource, ScimSchema extension, string name, JsonNode? value)
    {
        if (name == "remove")
        {
            resource.Remove(extension.Id);
            return;
        }

        WriteField(schema, resource, name, extension.Id, value);
    }

    private static void WriteAttribute(JsonObject holder, ScimAttribute attribute, string name, JsonNode? value)
    {
        if (name == "remove")
        {
            // Entra ID names the members to remove in the value, without a filter.
            if (attribute.IsMany && value is not null && ScimSchema.Value(attribute, value) is JsonArray gone && holder[attribute.Name] is JsonArray present)
            {
                var keys = gone.Select(Key).ToHashSet(StringComparer.Ordinal);
                RemoveWhere(holder, attribute, present, item => keys.Contains(Key(item)));
                return;
            }

            holder.Remove(attribute.Name);
            return;
        }

        var accepted = ScimSchema.Value(attribute, value);
        if (attribute.IsMany && name == "add")
        {
            var list = holder[attribute.Name] as JsonArray ?? [];
            holder[attribute.Name] = list.Parent is null ? list : holder[attribute.Name];
            var keys = list.Select(Key).ToHashSet(StringComparer.Ordinal);
            foreach (var item in (accepted as JsonArray)?.ToList() ?? [])
            {
                if (item is not null && keys.Add(Key(item)))
                {
                    KeepOnePrimary(list, item);
                    list.Add(item.DeepClone());
                }
            }

            if (list.Count == 0)
            {
                holder.Remove(attribute.Name);
            }
        }
        else if (accepted is null)
        {
            holder.Remove(attribute.Name);
        }
        else if (attribute is { Type: "complex", IsMany: false } && holder[attribute.Name] is JsonObject before && accepted is JsonObject after)
        {
            // Parts that are not named stay (section 3.5.2.1 and .3).
            foreach (var (field, inner) in after)
            {
                before[field] = inner?.DeepClone();
            }
        }
        else
        {
            holder[attribute.Name] = accepted.Parent is null ? accepted : accepted.DeepClone();
        }
    }

    private static void WritePart(JsonObject holder, ScimAttribute attribute, ScimAttribute part, string name, JsonNode? value)
    {
        if (attribute.IsMany)
        {
            foreach (var item in (holder[attribute.Name] as JsonArray)?.OfType<JsonObject>().ToList() ?? [])
            {
                Put(item, part, name, value);
            }

            return;
        }

        if (holder[attribute.Name] is not JsonObject fields)
        {
            if (name == "remove")
            {
                return;
            }

            holder[attribute.Name] = fields = [];
        }

        Put(fields, part, name, value);
        if (fields.Count == 0)
        {
            holder.Remove(attribute.Name);
        }
    }

    private static void WriteAmong(JsonObject holder, ScimPath path, ScimAttribute attribute, ScimFilter filter, string name, JsonNode? value)
    {
        var list = holder[attribute.Name] as JsonArray;
        var chosen = list?.OfType<JsonObject>().Where(filter.Matches).ToList() ?? [];
        if (chosen.Count == 0)
        {
            // Section 3.5.2.2: nothing to remove is no error; 3.5.2.3: nothing to replace is.
            if (name == "remove")
            {
                return;
            }

            // Entra ID adds emails[type eq "work"].value to somebody who has none: the filter says what the new one is.
            if (path.Part is { } missing && filter is ScimFilter.Compare { Operator: "eq", Value: string or bool } like)
            {
                var made = new JsonObject { [like.Attribute.Name] = JsonValue.Create(like.Value) };
                Put(made, missing, "add", value);
                if (list is null)
                {
                    holder[attribute.Name] = list = [];
                }

                list.Add(made);
                return;
            }

            throw ScimException.NoTarget($"No value of {attribute.Name} matches the filter.");
        }

        foreach (var item in chosen)
        {
            if (path.Part is { } part)
            {
                Put(item, part, name, value);
            }
            else if (name == "remove")
            {
                list!.Remove(item);
            }
            else
            {
                var accepted = ScimSchema.Value(attribute, value) is JsonArray { Count: 1 } one && one[0] is JsonObject fields
                    ? fields : throw ScimException.InvalidValue($"The value is one object of {attribute.Name}.");
                foreach (var (field, inner) in accepted)
                {
                    item[field] = inner?.DeepClone();
                }
            }
        }

        RemoveWhere(holder, attribute, list!, item => item is JsonObject { Count: 0 });
    }

    private static void Put(JsonObject fields, ScimAttribute part, string name, JsonNode? value)
    {
        var accepted = name == "remove" ? null : ScimSchema.Value(part, value);
        if (accepted is null)
        {
            fields.Remove(part.Name);
        }
        else
        {
            fields[part.Name] = accepted.Parent is null ? accepted : accepted.DeepClone();
        }
    }

    private static void RemoveWhere(JsonObject holder, ScimAttribute attribute, JsonArray list, Func<JsonNode?, bool> gone)
    {
        for (var i = list.Count - 1; i >= 0; i--)
        {
            if (gone(list[i]))
            {
                list.RemoveAt(i);
            }
        }

        if (list.Count == 0)
        {
            holder.Remove(attribute.Name);
        }
    }

    // Section 3.5.2: a new primary value takes "primary" from the others.
    private static void KeepOnePrimary(JsonArray list, JsonNode added)
    {
        if (added is JsonObject fields && fields["primary"] is JsonValue flag && flag.GetValueKind() == JsonValueKind.True)
        {
            foreach (var other in list.OfType<JsonObject>().Where(other => other.ContainsKey("primary")))
            {
                other["primary"] = false;
            }
        }
    }

    // Two values of a list are the same when value and type are (RFC 7643 section 2.4).
    private static string Key(JsonNode? item)
        => item is JsonObject fields && fields.ContainsKey("value")
            ? $"{fields["value"]?.ToJsonString()} {fields["type"]?.ToJsonString()}"
            : item?.ToJsonString() ?? "";

    private static JsonNode? Field(JsonObject fields, string name)
        => fields.FirstOrDefault(field => string.Equals(field.Key, name, StringComparison.OrdinalIgnoreCase)).Value;

    private static string? Text(JsonObject fields, string name) => Field(fields, name) switch
    {
        null => null,
        JsonValue value when value.GetValueKind() == JsonValueKind.String => value.GetValue<string>(),
        _ => throw ScimException.InvalidSyntax($"{name} is a text."),
    };
}
